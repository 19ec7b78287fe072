"""What adversarial learning shares, whatever it makes: the two updates, losses, regularizers, averages, pools."""
