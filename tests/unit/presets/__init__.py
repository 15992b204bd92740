"""Each preset of the looped transformer against a transcription of its system's equations.

The transcriptions (`parts`, `one_state`, `two_states`) are written from the papers and from the
authors' code, named beside each, by someone who has not read `deqlab.looped`: products of
matrices, a softmax, two norms. Weights are random, in double precision; one update and several
must agree to 1e-10, and gradients where the system truncates them. That every weight of a loop
takes part is checked as well: the transcription with that weight changed no longer agrees.
"""
