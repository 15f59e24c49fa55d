"""This service beside other servers of the same model."""
