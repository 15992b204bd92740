import math


def diagnose(log):
    rows = zip(log["rho"], log["residual"], log["backward_residual"], strict=True)
    for epoch, (rho, forward, backward) in enumerate(rows):
        tests = {"lost": rho >= 1, "forward": forward > log["tol"]}
        tests["backward"] = backward > log["tol"]
        for fault, happened in tests.items():
            if happened:
                return (epoch, fault)
    return (-1, "none")


def budget_needed(log, epoch):
    ratio = log["residual"][epoch] / log["tol"]
    more = 0
    if ratio > 1:
        if log["rho"][epoch] >= 1:
            return None
        more = math.ceil(math.log(ratio) / -math.log(log["rho"][epoch]))
    return int(log["steps"][epoch]) + more
