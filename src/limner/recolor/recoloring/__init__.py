"""From files to files: photos, clips and scenes."""
