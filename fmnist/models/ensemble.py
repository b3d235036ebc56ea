"""Several networks whose probabilities are averaged."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Ensemble(nn.Module):
    """Networks whose probabilities are averaged.

    Parameters
    ----------
    networks : sequence of torch.nn.Module
        From float32 (N, 1, 28, 28) to logits float32 (N, num_classes).

    Notes
    -----
    Maps float32 (N, 1, 28, 28), normalized to [-1, 1], to float32 (N, num_classes): the logarithm
    of the mean probabilities.
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward_features(self, input: Tensor) -> Tensor:  # (B, 1, 28, 28) -> (B, F)
        """Features of the last network."""
        features: Tensor = self.networks[-1].forward_features(input)  # type: ignore[operator]
        return features

    def forward(self, input: Tensor) -> Tensor:  # (B, 1, 28, 28) -> (B, num_classes)
        logs = torch.stack([network(input).log_softmax(1) for network in self.networks])
        return logs.logsumexp(0) - math.log(len(self.networks))
