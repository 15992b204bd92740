# mistake: the DC gain is left as it comes
# hint: 3
def notch(hum, rate, r):
    cosine = np.cos(2 * np.pi * hum / rate)
    a = np.array([1.0, -2 * r * cosine, r**2])
    b = np.array([1.0, -2 * cosine, 1.0])
    return b, a
