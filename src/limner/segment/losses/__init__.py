"""What training minimizes, pixel by pixel."""
