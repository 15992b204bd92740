import numpy as np


def diagnose(log):
    faults = np.array(
        [
            np.array(log["rho"]) >= 1,
            np.array(log["residual"]) > log["tol"],
            np.array(log["backward_residual"]) > log["tol"],
        ]
    )
    epochs = np.flatnonzero(faults.any(axis=0))
    if not len(epochs):
        return [-1, "none"]
    first = epochs[0]
    return [first, ("lost", "forward", "backward")[int(faults[:, first].argmax())]]


def budget_needed(log, epoch):
    k, residual = int(log["steps"][epoch]), log["residual"][epoch]
    if residual > log["tol"] and log["rho"][epoch] >= 1:
        return None
    while residual > log["tol"]:
        k, residual = k + 1, residual * log["rho"][epoch]
    return k
