# mistake: the zeros are at the radius of the poles
# hint: 2
def notch(hum, rate, r):
    cosine = np.cos(2 * np.pi * hum / rate)
    a = np.array([1.0, -2 * r * cosine, r**2])
    b = np.array([1.0, -2 * r * cosine, r**2])
    return b * (a.sum() / b.sum()), a
