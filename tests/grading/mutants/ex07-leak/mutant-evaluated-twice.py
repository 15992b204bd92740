# mistake: f is evaluated again for each norm
def frugal(f, z, burn_in, k):
    residuals = []
    for step in range(burn_in + k):
        with torch.no_grad():
            residuals.append(float((f(z) - z).norm()))
        with torch.set_grad_enabled(step >= burn_in):
            z = f(z)
    return z, residuals
