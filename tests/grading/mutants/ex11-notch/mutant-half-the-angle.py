# mistake: the frequency taken as a part of half the sampling rate
# hint: 2
def notch(hum, rate, r):
    cosine = np.cos(np.pi * hum / rate)
    a = np.array([1.0, -2 * r * cosine, r**2])
    b = np.array([1.0, -2 * cosine, 1.0])
    return b * (a.sum() / b.sum()), a
