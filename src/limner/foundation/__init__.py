"""What every floor stands on: errors, files, records, progress, signals, devices, draws."""
