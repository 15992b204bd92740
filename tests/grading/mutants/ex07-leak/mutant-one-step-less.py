# mistake: the first of the last k steps is not recorded
def frugal(f, z, burn_in, k):
    residuals = []
    for step in range(burn_in + k):
        with torch.set_grad_enabled(step > burn_in):
            fz = f(z)
        residuals.append(float((fz.detach() - z.detach()).norm()))
        z = fz
    return z, residuals
