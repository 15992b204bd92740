# mistake: the gain is one at half the sampling rate
# hint: 3
def notch(hum, rate, r):
    cosine = np.cos(2 * np.pi * hum / rate)
    a = np.array([1.0, -2 * r * cosine, r**2])
    b = np.array([1.0, -2 * cosine, 1.0])
    alternate = np.array([1.0, -1.0, 1.0])
    return b * ((a @ alternate) / (b @ alternate)), a
