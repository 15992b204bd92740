# mistake: the gravest fault of the whole log, not the first
import numpy as np


def diagnose(log):
    columns = (("rho", 1 - 1e-15, "lost"), ("residual", log["tol"], "forward"))
    columns += (("backward_residual", log["tol"], "backward"),)
    for name, limit, fault in columns:
        for epoch, value in enumerate(log[name]):
            if value > limit:
                return epoch, fault
    return -1, "none"


def budget_needed(log, epoch):
    taken, residual = int(log["steps"][epoch]), log["residual"][epoch]
    if residual <= log["tol"]:
        return taken
    rho = log["rho"][epoch]
    if rho >= 1:
        return None
    return taken + int(np.ceil(np.log(log["tol"] / residual) / np.log(rho)))
