"""The store on files: a folder that the desk owns alone."""
