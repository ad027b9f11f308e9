"""Every rule on the same studies and launch orders: which one, and is it better at all?"""
