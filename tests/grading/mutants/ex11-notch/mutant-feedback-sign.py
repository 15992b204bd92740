# mistake: the signs of a for a recursion that adds the feedback
def notch(hum, rate, r):
    cosine = np.cos(2 * np.pi * hum / rate)
    a = np.array([1.0, 2 * r * cosine, -(r**2)])
    b = np.array([1.0, -2 * cosine, 1.0])
    return b * (a.sum() / b.sum()), a
