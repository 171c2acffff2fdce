"""The data as a whole: proved, mended, copied, carried elsewhere, erased."""
