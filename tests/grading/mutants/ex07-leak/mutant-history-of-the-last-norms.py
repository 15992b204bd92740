# mistake: the norms of the last steps are recorded and returned with their history
def frugal(f, z, burn_in, k):
    residuals = []
    for step in range(burn_in + k):
        with torch.set_grad_enabled(step >= burn_in):
            fz = f(z)
            residuals.append((fz - z).norm())
        z = fz
    return z, residuals
