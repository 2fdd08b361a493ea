"""The work directory: chunks of finished frames, what the next frame needs, and the manifest; so that runs go on."""
