def frugal(f, z, burn_in, k):
    residuals = []
    with torch.no_grad():
        for _ in range(burn_in):
            fz = f(z)
            residuals.append((fz - z).norm().item())
            z = fz
    for _ in range(k):
        fz = f(z)
        with torch.no_grad():
            residuals.append((fz - z).norm().item())
        z = fz
    return z, residuals
