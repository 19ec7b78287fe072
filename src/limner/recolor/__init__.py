"""The room of color transfer: pictures in the colors of others."""
