"""The room `detect`: where objects are in a picture, as boxes and masks with their classes."""
