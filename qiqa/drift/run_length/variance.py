"""scratch"""
import numpy as np
def reference_for(r): R=r*r; return R*np.log(R)/(R-1)
def limit_for(every,k): return 2.0*np.log(every)
