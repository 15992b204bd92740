# mistake: symmetry held to be enough for CG
# hint: 3
def facts(J):
    eigenvalues = np.linalg.eigvals(J)
    system = np.eye(len(J)) - J
    defined = np.abs(eigenvalues - 1).min() > 1e-9
    symmetric = np.abs(J - J.T).max() < 1e-9
    return {
        "defined": defined,
        "picard": np.abs(eigenvalues).max() < 1,
        "relaxation": eigenvalues.real.max() < 1 - 1e-9,
        "norm": np.linalg.norm(J, 2) < 1,
        "cg": symmetric,
        "amplification": 1 / np.linalg.svd(system)[1].min() if defined else None,
    }
