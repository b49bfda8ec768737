"""An image encoder for scikit-learn's digits, trained by data-parallel workers that all-reduce their gradients."""

import numpy as np
import torch
import torch.distributed
from sklearn.datasets import load_digits
from sklearn.neighbors import KNeighborsClassifier
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.parallel import DistributedDataParallel

import penstock.train

DIMENSION = 32
HELD_OUT = 5  # every fifth image is for queries and is not indexed


class Encoder(nn.Module):
    """`[batch, 8, 8]` images, 0 to 16, to `[batch, 32]` vectors of length one."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, DIMENSION))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return F.normalize(self.layers(images / 16.0), dim=1)


def supervised_contrastive(vectors: torch.Tensor, labels: torch.Tensor, temperature: float) -> torch.Tensor:
    """Pull images of one digit together and push others apart (Khosla et al. 2020, https://arxiv.org/abs/2004.11362)."""
    itself = torch.eye(len(labels), dtype=torch.bool)
    logits = (vectors @ vectors.T / temperature).masked_fill(itself, -1e9)
    positive = (labels[:, None] == labels[None, :]) & ~itself
    log_probability = logits - logits.logsumexp(dim=1, keepdim=True)
    return -(log_probability * positive).sum(1).div(positive.sum(1).clamp(min=1)).mean()


def typicality(vectors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The cosine of each vector with the centre of its digit: it means something beside these vectors only."""
    centres = np.stack([vectors[labels == digit].mean(axis=0) for digit in range(10)])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    return (vectors * centres[labels]).sum(axis=1).astype(np.float32)


def main() -> None:
    run = penstock.train.current()
    epochs, rate = run.params.int("epochs", 12), run.params.float("learning_rate", 0.003)
    temperature = run.params.float("temperature", 0.1)
    torch.manual_seed(run.params.int("seed", 0))
    torch.set_num_threads(1)

    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32)
    labels = torch.tensor(digits.target)
    ids = np.arange(len(images))
    held_out = ids % HELD_OUT == 0
    mine = torch.tensor(ids[~held_out][run.rank :: run.world_size])

    encoder = Encoder()
    parallel = torch.distributed.is_available() and torch.distributed.is_initialized()
    model = DistributedDataParallel(encoder) if parallel else encoder
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)

    for epoch in range(epochs):
        order = mine[torch.randperm(len(mine))]
        for batch in order[: len(order) // 128 * 128].split(128):
            loss = supervised_contrastive(model(images[batch]), labels[batch], temperature)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        run.report(epoch, total=epochs, loss=loss.item())

    with torch.no_grad():
        vectors = encoder(images).numpy()
    neighbours = KNeighborsClassifier(5, metric="cosine").fit(vectors[~held_out], digits.target[~held_out])
    accuracy = neighbours.score(vectors[held_out], digits.target[held_out])

    here = ids % run.world_size == run.rank
    pixels = digits.images
    features = {
        "image_id": ids[here],
        "label": digits.target[here].astype(np.int64),
        "ink": pixels[here].mean(axis=(1, 2)).astype(np.float32),
        "contrast": pixels[here].std(axis=(1, 2)).astype(np.float32),
        "symmetry": -np.abs(pixels - pixels[:, :, ::-1])[here].mean(axis=(1, 2)).astype(np.float32),
        "typicality": typicality(vectors, digits.target)[here],
    }
    run.write_features("features", features, entity_keys=["image_id"])
    indexed = here & ~held_out
    run.write_embeddings("embeddings", ids[indexed], vectors[indexed], normalized=True, label=digits.target[indexed])
    run.save_encoder("encoder", encoder, images[:1])
    run.report(epochs, total=epochs, loss=loss.item(), accuracy=float(accuracy))


main()
