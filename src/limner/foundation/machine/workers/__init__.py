"""Many files spread over processes or a Ray cluster, each by the function that serves one."""
