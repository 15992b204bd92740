# mistake: the norms keep their history until the list is converted
def frugal(f, z, burn_in, k):
    residuals = []
    for step in range(burn_in + k):
        fz = f(z)
        residuals.append((fz - z).norm())
        z = fz.detach() if step < burn_in else fz
    return z, [r.item() for r in residuals]
