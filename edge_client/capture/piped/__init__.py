"""Cameras whose pictures come as bytes: from a program, standard input, or a bare socket."""
