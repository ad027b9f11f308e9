print("mse: 0.1")
