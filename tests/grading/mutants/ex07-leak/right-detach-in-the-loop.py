def frugal(f, z, burn_in, k):
    residuals = []
    for step in range(burn_in + k):
        fz = f(z)
        if step < burn_in:
            fz = fz.detach()
        residuals.append(torch.dist(fz.detach(), z.detach()).item())
        z = fz
    return z, residuals
