"""One door a file: what each route reads and answers. The doors hold no state; they find it in ``Service``."""
