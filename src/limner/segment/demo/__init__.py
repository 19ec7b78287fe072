"""The room's story on bundled real places, in three acts, with a report that grows."""
