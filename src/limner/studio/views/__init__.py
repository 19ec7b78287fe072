"""What the studio answers, and to whom: pages and forms, jobs and runs, files, and what was drawn over pictures."""
