"""PartiQL: statements parsed here, and performed as the calls of the API that they represent."""
