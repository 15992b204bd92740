# mistake: the burn-in is recorded, and let go of at its end
def frugal(f, z, burn_in, k):
    residuals = []
    for step in range(burn_in + k):
        fz = f(z)
        residuals.append(float((fz.detach() - z.detach()).norm()))
        z = fz.detach() if step == burn_in - 1 else fz
    return z, residuals
