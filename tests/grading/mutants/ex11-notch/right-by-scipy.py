from scipy import signal


def notch(hum, rate, r):
    zeros = np.exp(2j * np.pi * hum / rate * np.array([1, -1]))
    b, a = signal.zpk2tf(zeros, r * zeros, 1.0)
    return [x * sum(a) / sum(b) for x in b], list(a)
