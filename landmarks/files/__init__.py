"""Files of others read bounded, and files of ours that appear whole or not at all."""
