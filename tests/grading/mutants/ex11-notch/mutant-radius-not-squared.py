# mistake: the product of the poles is r instead of r squared
# hint: 3
def notch(hum, rate, r):
    cosine = np.cos(2 * np.pi * hum / rate)
    a = np.array([1.0, -2 * r * cosine, r])
    b = np.array([1.0, -2 * cosine, 1.0])
    return b * (a.sum() / b.sum()), a
