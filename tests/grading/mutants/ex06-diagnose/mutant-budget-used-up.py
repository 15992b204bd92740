# mistake: a solve that used up its budget counts as failed, whatever its residual
import numpy as np


def diagnose(log):
    for epoch, rho in enumerate(log["rho"]):
        if rho >= 1:
            return epoch, "lost"
        if log["steps"][epoch] >= 14:
            return epoch, "forward"
        if log["backward_residual"][epoch] > log["tol"]:
            return epoch, "backward"
    return -1, "none"


def budget_needed(log, epoch):
    taken, residual = int(log["steps"][epoch]), log["residual"][epoch]
    if residual <= log["tol"]:
        return taken
    rho = log["rho"][epoch]
    if rho >= 1:
        return None
    return taken + int(np.ceil(np.log(log["tol"] / residual) / np.log(rho)))
