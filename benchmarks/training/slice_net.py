"""The network of all slice networks: a U-Net of five levels with few channels."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as nnf

CHANNELS = (20, 32, 48, 72, 96)


def block(inputs: int, outputs: int) -> nn.Sequential:
    """Convolve twice, normalized over groups of channels."""
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [
            nn.Conv2d(channels, outputs, 3, padding=1, bias=False),
            nn.GroupNorm(4, outputs),
            nn.LeakyReLU(0.02, inplace=True),
        ]
    return nn.Sequential(*layers)


class SliceNet(nn.Module):
    """Map (N, inputs, R, C) to (N, outputs, R, C), R and C being multiples of 16."""

    def __init__(self, inputs: int, outputs: int, channels: tuple[int, ...] = CHANNELS) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            [block(i, o) for i, o in zip((inputs, *channels[:-1]), channels, strict=True)]
        )
        pairs = list(zip(channels[:-1], channels[1:], strict=True))
        self.up = nn.ModuleList([block(low + high, low) for low, high in reversed(pairs)])
        self.last = nn.Conv2d(channels[0], outputs, 1)
        with torch.no_grad():
            self.last.bias.zero_()
            self.last.bias[0] = 2.0

    def forward(self, x: Tensor) -> Tensor:
        """Return logits."""
        kept = []
        for number, layer in enumerate(self.down):
            x = layer(nnf.max_pool2d(x, 2) if number else x)
            kept.append(x)
        for layer, skip in zip(self.up, reversed(kept[:-1]), strict=True):
            x = layer(torch.cat([nnf.interpolate(x, scale_factor=2.0, mode="nearest"), skip], 1))
        return self.last(x)
