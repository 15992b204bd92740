# mistake: a backward fault is reported before the forward one that causes it
import numpy as np


def diagnose(log):
    for epoch, rho in enumerate(log["rho"]):
        if log["backward_residual"][epoch] > log["tol"]:
            return epoch, "backward"
        if log["residual"][epoch] > log["tol"]:
            return epoch, "forward"
        if rho >= 1:
            return epoch, "lost"
    return -1, "none"


def budget_needed(log, epoch):
    taken, residual = int(log["steps"][epoch]), log["residual"][epoch]
    if residual <= log["tol"]:
        return taken
    rho = log["rho"][epoch]
    if rho >= 1:
        return None
    return taken + int(np.ceil(np.log(log["tol"] / residual) / np.log(rho)))
