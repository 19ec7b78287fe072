"""Every method of color transfer behind one signature."""
