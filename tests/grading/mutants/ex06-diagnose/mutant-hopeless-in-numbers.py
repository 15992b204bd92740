# mistake: a number of steps even where the residual does not shrink
import numpy as np


def diagnose(log):
    for epoch, rho in enumerate(log["rho"]):
        if rho >= 1:
            return epoch, "lost"
        if log["residual"][epoch] > log["tol"]:
            return epoch, "forward"
        if log["backward_residual"][epoch] > log["tol"]:
            return epoch, "backward"
    return -1, "none"


def budget_needed(log, epoch):
    taken, residual = int(log["steps"][epoch]), log["residual"][epoch]
    if residual <= log["tol"]:
        return taken
    rho = min(log["rho"][epoch], 0.999)
    return taken + int(np.ceil(np.log(log["tol"] / residual) / np.log(rho)))
