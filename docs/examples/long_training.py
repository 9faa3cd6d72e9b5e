# ruff: noqa: INP001
"""A training function that goes on where a killed try has saved its state."""

from typing import Any


# [START howto_checkpoint]
def train(features: Any, labels: Any, *, seed: int, epochs: int = 20, checkpoint: Any = None) -> Any:
    """Learn for some epochs; a try that comes after a killed one goes on with the epoch after the last saved."""
    import numpy as np
    from sklearn.linear_model import SGDClassifier

    saved = checkpoint.load()
    model = saved.state if saved else SGDClassifier(loss="log_loss", random_state=seed)
    for epoch in range(saved.step if saved else 0, epochs):
        order = np.random.default_rng([seed, epoch]).permutation(len(labels))
        model.partial_fit(features.iloc[order], labels.iloc[order], classes=[0, 1])
        checkpoint.save(model, epoch + 1)
    return model


# [END howto_checkpoint]
