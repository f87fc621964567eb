"""The laboratory: exams with known bones and edema, made from bodies, tissues and signal equations."""
