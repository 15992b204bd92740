# mistake: zeros without poles behind them
# hint: 1
def notch(hum, rate, r):
    cosine = np.cos(2 * np.pi * hum / rate)
    a = np.array([1.0, 0.0, 0.0])
    b = np.array([1.0, -2 * cosine, 1.0])
    return b * (a.sum() / b.sum()), a
