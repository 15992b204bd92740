# mistake: the first k steps are recorded in place of the last
def frugal(f, z, burn_in, k):
    residuals = []
    for step in range(burn_in + k):
        with torch.set_grad_enabled(step < k):
            fz = f(z)
        residuals.append(float((fz.detach() - z.detach()).norm()))
        z = fz
    return z, residuals
