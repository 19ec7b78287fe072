"""What training sees: ground held out in blocks, crops drawn and changed."""
