"""Engines that compute a trained network in torch's place, taken where they answer alike."""
