def notch(hum, rate, r):
    zero = np.exp(2j * np.pi * hum / rate)
    b = np.poly([zero, zero.conjugate()]).real
    a = np.poly([r * zero, r * zero.conjugate()]).real
    return b * np.polyval(a, 1.0) / np.polyval(b, 1.0), a
