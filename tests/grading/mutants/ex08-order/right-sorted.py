def who_can(x, y, L):
    """Between neighbours on the line is enough: quotients of sums are means of quotients."""
    order = np.argsort(x)
    by_input = np.diff(y[order]) / np.diff(x[order])
    answer = {"flow": by_input.min() > 0, "block": np.abs(by_input - 1).max() <= L}
    answer["equilibrium"] = answer["flow"] and np.abs(1 - 1 / by_input).max() <= L
    return answer


def slope(F, x, y):
    return 1 / (F(x) / F(y))
